% Friends smoke because of each other. P(ann) = 1 - (1 - 0.3) * (1 - 0.2 * 0.3).
%! expect smokes(ann) 0.342
%! expect smokes(bob) 0.342
person(ann).
person(bob).
friend(ann, bob).
friend(bob, ann).
0.3::stress(X) :- person(X).
0.2::influences(X, Y) :- friend(X, Y).
smokes(X) :- stress(X).
smokes(X) :- friend(X, Y), influences(Y, X), smokes(Y).
query(smokes(_)).
