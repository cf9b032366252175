% Without green, red and blue share what is left: 0.2 / 0.5 and 0.3 / 0.5.
%! expect red 0.4
%! expect blue 0.6
%! expect green 0
0.2::red; 0.5::green; 0.3::blue.
evidence(\+green).
query(red).
query(blue).
query(green).
