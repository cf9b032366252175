% 1/3 + 2/3 * 1/4 = 1/2.
%! expect a_or_b 0.5
1/3::a.
0.5*0.5::b.
a_or_b :- a.
a_or_b :- \+a, b.
query(a_or_b).
