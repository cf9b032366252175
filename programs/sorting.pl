% Sorting a list of digits of any length: the order is known, the digits are not.
%
% Order lists the positions from the smallest digit to the largest: [2, 1, 3] says that the second image is the smallest.
% Equal digits may come in either order, so that a list with equal digits has several orders. Reading every digit as the same
% one therefore satisfies every order; of the readings that use all ten digits only the right one does.
%
% Neural predicates: digit(Image, Value), network digit_net, one image, values 0..9.
%
%! query: sorting([A, B], [First, Second])
%! images: A B
%! labels: First Second
%! answers: 2
%! worlds: 55 for 1 2
%! worlds: 55 for 2 1
%! query: sorting([A, B, C, D], [P, Q, R, S])
%! images: A B C D
%! labels: P Q R S
%! answers: 24
%! worlds: 715 for 3 1 4 2

nn(digit_net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).

sorting(Images, Order) :-
    numbered(Images, 1, Numbered), permutation(Numbered, Sorted), ascending(Sorted), positions(Sorted, Order).

numbered([], _, []).
numbered([Image | Images], Position, [Position - Image | Numbered]) :-
    Next is Position + 1, numbered(Images, Next, Numbered).

positions([], []).
positions([Position - _ | Numbered], [Position | Positions]) :- positions(Numbered, Positions).

ascending([_]).
ascending([_ - A, Position - B | Numbered]) :- at_most(A, B), ascending([Position - B | Numbered]).

at_most(A, B) :- digit(A, X), digit(B, Y), X =< Y.
