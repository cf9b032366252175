% A disjunction inside a body, and inside it a conjunction: 1 - (1 - 0.2 * 0.5) * (1 - 0.3).
%! expect q 0.37
0.2::a.
0.5::b.
0.3::c.
q :- (a, b ; c).
query(q).
