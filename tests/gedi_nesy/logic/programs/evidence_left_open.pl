% A third value leaves the evidence open, as if it were not there.
%! expect a 0.3
0.3::a.
evidence(a, unknown).
query(a).
