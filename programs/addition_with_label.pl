% Addition with a label: the total of two digits is known.
% Source: DeepProbLog (Manhaeve et al. 2018, arXiv 1805.10872), experiment T1.
%
% Neural predicates: digit(Image, Value), network mnist_net, one image, values 0..9.
%
%! query: addition(A, B, Total)
%! images: A B
%! labels: Total
%! answers: 19
%! uniform: 0.01 for 0
%! uniform: 0.1 for 9
%! uniform: 0.01 for 18

nn(mnist_net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).

addition(A, B, Total) :- digit(A, X), digit(B, Y), Total is X + Y.
