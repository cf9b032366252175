% P(alarm) = 0.018 + 0.04 + 0.036 = 0.094; P(burglary | alarm) = 0.058 / 0.094, P(earthquake | alarm) = 0.054 / 0.094.
%! expect burglary 0.6170212765957447
%! expect earthquake 0.5744680851063829
0.1::burglary.
0.2::earthquake.
0.9::alarm :- burglary, earthquake.
0.5::alarm :- burglary, \+earthquake.
0.2::alarm :- \+burglary, earthquake.
evidence(alarm).
query(burglary).
query(earthquake).
