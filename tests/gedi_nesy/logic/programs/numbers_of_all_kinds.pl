% Negative numbers, reals, hexadecimal.
%! expect double(-2) 1
%! expect double(-5.0) 1
%! expect double(62) 1
value(-1).
value(-2.5).
value(0x1F).
double(D) :- value(V), D is V * 2.
query(double(_)).
