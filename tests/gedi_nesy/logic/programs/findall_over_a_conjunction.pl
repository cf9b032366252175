% findall with a template of several variables.
%! expect pairs([f(1,2)]) 0.5
%! expect pairs([]) 0.5
0.5::a(1).
b(2).
pairs(L) :- findall(f(X, Y), (a(X), b(Y)), L).
query(pairs(_)).
