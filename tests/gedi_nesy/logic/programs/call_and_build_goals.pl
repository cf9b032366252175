% Goals put together at run time.
%! expect called 0.3
%! expect built 0.3
%! expect applied([2, 4]) 1
:- use_module(library(apply)).
0.3::fact(1).
double(X, Y) :- Y is 2 * X.
called :- call(fact, 1).
built :- G =.. [fact, 1], call(G).
applied(L) :- maplist(double, [1, 2], L).
query(called).
query(built).
query(applied(_)).
