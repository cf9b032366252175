% Both heads are the same atom: 0.2 + 0.3.
%! expect a 0.5
0.2::a; 0.3::a.
query(a).
