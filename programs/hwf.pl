% A handwritten formula and its value: numbers of one digit with +, - and * between them, * first.
% Source: the task HWF of Li et al. 2020 (arXiv 2006.06649), without division.
%
% Neural predicates:
%   digit(Image, Value), network digit_net, one image, values 0..9
%   operator(Image, Symbol), network operator_net, one image, values +, -, *
%
%! query: formula([A, Op, B], Value)
%! images: A B
%! images of operator_net: Op
%! labels: Value
%! answers: 49
%! worlds: 30 for 0
%! worlds: 1 for 81
%! worlds: 1 for -9
%! query: formula([A, Op1, B, Op2, C], Value)
%! images: A B C
%! images of operator_net: Op1 Op2
%! labels: Value
%! answers: 229
%! worlds: 1 for 729

nn(digit_net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).
nn(operator_net, [X], Y, [+, -, *]) :: operator(X, Y).

% The last + or - splits a formula: a formula on its left, a product on its right.
formula(Images, Value) :- product(Images, Value).
formula(Images, Value) :-
    append(Left, [Sign | Right], Images),
    formula(Left, X), product(Right, Y), operator(Sign, Symbol), combine(Symbol, X, Y, Value).

product([Image], Value) :- digit(Image, Value).
product([Image, Times | Images], Value) :-
    digit(Image, X), operator(Times, *), product(Images, Y), Value is X * Y.

combine(+, X, Y, Value) :- Value is X + Y.
combine(-, X, Y, Value) :- Value is X - Y.
