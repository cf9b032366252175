% 0.3 * (1 - 0.4).
%! expect only_a 0.18
0.3::a.
0.4::b.
only_a :- a, \+b.
query(only_a).
