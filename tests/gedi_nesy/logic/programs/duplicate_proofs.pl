% One fact in several proofs counts once; 0.3 * (1 - 0.6 * 0.5).
%! expect q 0.21
0.3::a.
0.4::b.
0.5::c.
q :- a, b.
q :- a, c.
q :- c, a, b.
query(q).
