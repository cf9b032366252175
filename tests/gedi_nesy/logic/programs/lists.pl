% The predicates of library(lists).
%! expect append([1, 2]) 0.5
%! expect member(1) 0.5
%! expect member(2) 0.5
%! expect select([2, 3]) 0.5
%! expect sum(6) 0.5
%! expect reverse([3, 2, 1]) 0.5
%! expect length(2) 1
%! expect maximum(3) 1
:- use_module(library(lists)).
0.5::go.
append(X) :- go, append([1], [2], X).
member(X) :- go, member(X, [1, 2]).
select(X) :- go, select(1, [1, 2, 3], X).
sum(X) :- go, sum_list([1, 2, 3], X).
reverse(X) :- go, reverse([1, 2, 3], X).
length(N) :- length([a, b], N).
maximum(M) :- max_list([1, 3, 2], M).
query(append(_)).
query(member(_)).
query(select(_)).
query(sum(_)).
query(reverse(_)).
query(length(_)).
query(maximum(_)).
