% library(aggregate): the sum over what is there, 1 or 1 + 2.
%! expect total(1) 0.7
%! expect total(3) 0.3
:- use_module(library(aggregate)).
price(1).
0.3::price(2).
total(sum<X>) :- price(X).
query(total(_)).
