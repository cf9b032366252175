% The cheapest way across a 4x4 map of terrain, from the first cell to the last: its cost is known.
%
% Ways go up, down, left and right. To enter a cell (the first one too) costs 1 on grass and 2 in forest; water cannot be
% entered. Cost is the least total, 7 to 14, or none: on a map of this size nothing forces a way back up or left.
% A map is a list of its 16 cells, row by row.
%
% Neural predicates: terrain(Image, Kind), network terrain_net, one image, values grass, forest, water.
%
%! query: shortest_path([A1, A2, A3, A4, B1, B2, B3, B4, C1, C2, C3, C4, D1, D2, D3, D4], Cost)
%! images: A1 A2 A3 A4 B1 B2 B3 B4 C1 C2 C3 C4 D1 D2 D3 D4
%! labels: Cost
%! answers: 9
%! worlds: 219201 for 7
%! worlds: 3306542 for 10
%! worlds: 30386 for 14
%! worlds: 31836993 for none

nn(terrain_net, [X], Y, [grass, forest, water]) :: terrain(X, Y).

shortest_path(Map, Cost) :-
    between(7, 14, Cost), reached(Map, 4, 4, Cost), Less is Cost - 1, \+ reached(Map, 4, 4, Less).
shortest_path(Map, none) :- \+ reached(Map, 4, 4, 14).

% reached(Map, Row, Column, Budget): the cell can be reached from the first one for at most Budget.
reached(Map, 1, 1, Budget) :- entered(Map, 1, 1, Budget, _).
reached(Map, Row, Column, Budget) :-
    entered(Map, Row, Column, Budget, Left),
    neighbour(Row, Column, R, C), Left >= R + C - 1,
    reached(Map, R, C, Left).

entered(Map, Row, Column, Budget, Left) :-
    Place is 4 * (Row - 1) + Column, nth1(Place, Map, Image),
    terrain(Image, Kind), cost(Kind, Price), Left is Budget - Price, Left >= 0.

cost(grass, 1).
cost(forest, 2).

neighbour(R, C, Up, C) :- R > 1, Up is R - 1.
neighbour(R, C, Down, C) :- R < 4, Down is R + 1.
neighbour(R, C, R, Left) :- C > 1, Left is C - 1.
neighbour(R, C, R, Right) :- C < 4, Right is C + 1.
