% Addition of two numbers of any length, digit by digit with a carry: their sum is known.
% Source: DeepProbLog (Manhaeve et al. 2018, arXiv 1805.10872), experiment T2, which has two digits.
%
% A number is a list of images, the most significant digit first; both numbers have the same length N. The sum is a list of
% N + 1 values, carry first. The circuit of one sum grows linearly with N, by some 13 nodes a digit; asked for all sums at
% once, with label columns, it has 2 * 10^N - 1 answers.
%
% Neural predicates: digit(Image, Value), network digit_net, one image, values 0..9.
%
%! query: addition([A], [B], [Carry, Ones])
%! images: A B
%! labels: Carry Ones
%! answers: 19
%! worlds: 1 for 0 0
%! worlds: 10 for 0 9
%! worlds: 1 for 1 8
%! query: addition([A, B], [C, D], [1, 0, 5])
%! images: A B C D
%! worlds: 94
%! query: addition([A, B], [C, D], [Hundreds, Tens, Ones])
%! images: A B C D
%! labels: Hundreds Tens Ones
%! answers: 199
%! worlds: 94 for 1 0 5

nn(digit_net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).

addition(First, Second, [Carry | Digits]) :- add(First, Second, Digits, Carry).

add([], [], [], 0).
add([A | As], [B | Bs], [Digit | Digits], Carry) :-
    add(As, Bs, Digits, Before), column(A, B, Sum),
    Digit is (Sum + Before) mod 10, Carry is (Sum + Before) // 10.

column(A, B, Sum) :- digit(A, X), digit(B, Y), Sum is X + Y.
