% 1 - (1 - 0.3 * 0.5) * (1 - 0.2 * 0.6).
%! expect alarm 0.252
0.3::burglary.
0.2::earthquake.
0.5::alarm :- burglary.
0.6::alarm :- earthquake.
query(alarm).
