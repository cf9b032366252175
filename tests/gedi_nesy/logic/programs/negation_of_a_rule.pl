% not (a and b), and a: 0.3 * 0.6; the negation of the negation is the rule itself: 0.12.
%! expect a_alone 0.18
%! expect twice 0.12
0.3::a.
0.4::b.
both :- a, b.
a_alone :- \+both, a.
not_both :- \+both.
twice :- \+not_both.
query(a_alone).
query(twice).
