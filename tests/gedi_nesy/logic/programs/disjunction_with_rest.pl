% What the numbers leave over is "none of these".
%! expect none 0.5
%! expect not_red 0.8
0.2::red; 0.3::green.
none :- \+red, \+green.
not_red :- \+red.
query(none).
query(not_red).
