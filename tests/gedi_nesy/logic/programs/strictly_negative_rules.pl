% A game on a line: a position wins with a move to one that does not. win(2) = 0.5; win(1) = 0.5 * (1 - 0.5).
%! expect win(1) 0.25
%! expect win(2) 0.5
%! expect win(3) 0
move(1, 2).
move(2, 3).
0.5::win(X) :- move(X, Y), \+win(Y).
query(win(1)).
query(win(2)).
query(win(3)).
