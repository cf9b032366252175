% Paths in a graph with a cycle: 1 -> 2 with 0.4, 1 -> 3 -> 2 with 0.5 * 0.2; 1 - 0.6 * 0.9.
%! expect path(1,2) 0.46
0.4::edge(1, 2).
0.5::edge(1, 3).
0.2::edge(3, 2).
0.7::edge(2, 3).
0.6::edge(2, 1).
path(X, Y) :- edge(X, Y).
path(X, Y) :- path(X, Z), edge(Z, Y).
query(path(1, 2)).
