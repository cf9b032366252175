% between/3 as a generator: a roll of 3 or 4 of four equal faces.
%! expect large 0.5
0.25::roll(1); 0.25::roll(2); 0.25::roll(3); 0.25::roll(4).
large :- between(3, 6, X), roll(X).
query(large).
