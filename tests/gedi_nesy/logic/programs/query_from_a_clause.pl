% Queries given by a rule, each answer once.
%! expect heads(1) 0.5
%! expect heads(2) 0.4
coin(1).
coin(2).
0.5::heads(1).
0.4::heads(2).
0.3::heads(3).
query(heads(C)) :- coin(C).
query(heads(1)).
