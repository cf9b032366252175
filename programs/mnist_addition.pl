% The sum triple: the third digit is the sum of the first two.
% Source: GEDI 2024 (arXiv 2212.13425), section 6.4 and appendix N; only positive examples, digits 0 to 9.
%
% Neural predicates: digit(Image, Value), network mnist_net, one image, values 0..9.
%
%! query: sum_holds(A, B, C)
%! images: A B C
%! uniform: 0.055

nn(mnist_net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).

sum_holds(A, B, C) :- digit(A, X), digit(B, Y), Z is X + Y, digit(C, Z).
