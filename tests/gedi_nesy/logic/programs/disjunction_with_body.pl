% 0.6 * 0.2, 0.6 * 0.3; without the body neither holds.
%! expect a 0.12
%! expect b 0.18
%! expect neither 0.7
0.6::c.
0.2::a; 0.3::b :- c.
neither :- \+a, \+b.
query(a).
query(b).
query(neither).
