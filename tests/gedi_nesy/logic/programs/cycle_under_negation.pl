% The negation of a predicate that is defined by a cycle: 1 - 0.46.
%! expect unreachable 0.54
0.4::edge(1, 2).
0.5::edge(1, 3).
0.2::edge(3, 2).
0.7::edge(2, 3).
path(X, Y) :- edge(X, Y).
path(X, Y) :- edge(X, Z), path(Z, Y).
unreachable :- \+path(1, 2).
query(unreachable).
