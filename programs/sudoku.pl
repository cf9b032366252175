% A solved 4x4 sudoku: the cells of each row, column and 2x2 block differ. Cells are given row by row.
%
% valid/1 alone cannot name the digits: renaming 1, 2, 3, 4 leaves a valid sudoku valid, so that all 24 readings satisfy every
% example. sudoku/2 adds the sum of one cage, as killer sudokus do: the first two cells have a known total. No cell is known,
% yet only one reading satisfies all totals: 1 + 2 = 3, 1 + 3 = 4 and 2 + 3 = 5 determine three digits.
%
% Neural predicates: digit(Image, Value), network digit_net, one image, values 1..4.
%
%! query: valid([A1, A2, A3, A4, B1, B2, B3, B4, C1, C2, C3, C4, D1, D2, D3, D4])
%! images: A1 A2 A3 A4 B1 B2 B3 B4 C1 C2 C3 C4 D1 D2 D3 D4
%! worlds: 288
%! query: sudoku([A1, A2, A3, A4, B1, B2, B3, B4, C1, C2, C3, C4, D1, D2, D3, D4], Cage)
%! images: A1 A2 A3 A4 B1 B2 B3 B4 C1 C2 C3 C4 D1 D2 D3 D4
%! labels: Cage
%! answers: 5
%! worlds: 48 for 3
%! worlds: 96 for 5

nn(digit_net, [X], Y, [1,2,3,4]) :: digit(X, Y).

sudoku([A, B | Rest], Cage) :- valid([A, B | Rest]), digit(A, X), digit(B, Y), X \= Y, Cage is X + Y.

valid([A1, A2, A3, A4, B1, B2, B3, B4, C1, C2, C3, C4, D1, D2, D3, D4]) :-
    all_different([A1, A2, A3, A4]), all_different([B1, B2, B3, B4]),
    all_different([C1, C2, C3, C4]), all_different([D1, D2, D3, D4]),
    all_different([A1, B1, C1, D1]), all_different([A2, B2, C2, D2]),
    all_different([A3, B3, C3, D3]), all_different([A4, B4, C4, D4]),
    all_different([A1, A2, B1, B2]), all_different([A3, A4, B3, B4]),
    all_different([C1, C2, D1, D2]), all_different([C3, C4, D3, D4]).

all_different([]).
all_different([Cell | Cells]) :- different_from_all(Cell, Cells), all_different(Cells).

different_from_all(_, []).
different_from_all(Cell, [Other | Others]) :- different(Cell, Other), different_from_all(Cell, Others).

different(A, B) :- digit(A, X), digit(B, Y), X \= Y.
