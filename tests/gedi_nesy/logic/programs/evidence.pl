% P(a | a or b) = 0.3 / 0.58, P(both | a or b) = 0.12 / 0.58.
%! expect a 0.5172413793103449
%! expect both 0.20689655172413793
0.3::a.
0.4::b.
some :- a.
some :- b.
both :- a, b.
evidence(some).
query(a).
query(both).
