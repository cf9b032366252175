% P(a | not (a and b)) = 0.18 / 0.88.
%! expect a 0.20454545454545456
0.3::a.
0.4::b.
both :- a, b.
evidence(\+both).
query(a).
