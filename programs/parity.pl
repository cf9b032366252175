% Parity of a list of bits of any length: whether the number of ones is even or odd is known.
%
% In a list of even length 0 and 1 can be swapped everywhere: the parity stays. Only lists of odd length tell ones from zeros.
%
% Neural predicates: bit(Image, Value), network bit_net, one image, values 0, 1.
%
%! query: parity([A, B, C], Parity)
%! images: A B C
%! labels: Parity
%! answers: 2
%! worlds: 4 for even
%! worlds: 4 for odd
%! query: parity([A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T], Parity)
%! images: A B C D E F G H I J K L M N O P Q R S T
%! labels: Parity
%! answers: 2
%! worlds: 524288 for even

nn(bit_net, [X], Y, [0,1]) :: bit(X, Y).

parity(Images, Parity) :- count(Images, even, Parity).

count([], Parity, Parity).
count([Image | Images], Before, Parity) :- bit(Image, Bit), next(Bit, Before, After), count(Images, After, Parity).

next(0, Parity, Parity).
next(1, even, odd).
next(1, odd, even).
