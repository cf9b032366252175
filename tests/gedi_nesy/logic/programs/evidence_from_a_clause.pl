% Evidence may be the head of a rule: every coin is known to show heads.
%! expect heads(1) 1
%! expect heads(2) 1
%! expect heads(3) 0.3
coin(1).
coin(2).
0.5::heads(1).
0.4::heads(2).
0.3::heads(3).
evidence(heads(C)) :- coin(C).
query(heads(_)).
