% Heads, tails and nested lists.
%! expect first(a) 0.4
%! expect rest([b, [c, d]]) 0.4
%! expect inner(d) 0.4
0.4::list([a, b, [c, d]]).
first(X) :- list([X|_]).
rest(T) :- list([_|T]).
inner(X) :- list([_, _, [_, X]]).
query(first(_)).
query(rest(_)).
query(inner(_)).
