% b holds and c does not: P(a | b, not c) = 0.3 and c is known.
%! expect a 0.3
%! expect b 1
%! expect c 0
0.3::a.
0.4::b.
0.9::c.
evidence(b, true).
evidence(c, false).
query(a).
query(b).
query(c).
