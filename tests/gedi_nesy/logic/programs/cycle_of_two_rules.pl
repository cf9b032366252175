% p and q support each other, but only a and b can start: 1 - 0.6 * 0.5.
%! expect p 0.7
%! expect q 0.7
0.4::a.
0.5::b.
p :- q.
p :- a.
q :- p.
q :- b.
query(p).
query(q).
