% The probability of a goal as a number inside the program.
%! expect likely(0.12) 1
0.3::a.
0.4::b.
both :- a, b.
likely(P) :- subquery(both, P).
query(likely(_)).
