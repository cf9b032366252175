% Two-digit addition with a label: the total of two numbers, each written with two digits, is known.
% Source: DeepProbLog (Manhaeve et al. 2018, arXiv 1805.10872), experiment T2, restated for two digits.
%
% Neural predicates: digit(Image, Value), network mnist_net, one image, values 0..9.
%
%! query: addition([A, B], [C, D], Total)
%! images: A B C D
%! labels: Total
%! answers: 199
%! uniform: 0.0001 for 0
%! uniform: 0.01 for 99
%! uniform: 0.0001 for 198

nn(mnist_net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).

number([Tens, Ones], Value) :- digit(Tens, T), digit(Ones, O), Value is 10 * T + O.

addition(First, Second, Total) :- number(First, X), number(Second, Y), Total is X + Y.
