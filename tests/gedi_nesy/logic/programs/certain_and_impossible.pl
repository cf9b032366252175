% Probabilities of exactly 0 and 1.
%! expect sure 1
%! expect never 0
%! expect sure_and_maybe 0.5
1.0::sure.
0.0::never.
0.5::maybe.
sure_and_maybe :- sure, maybe, \+never.
query(sure).
query(never).
query(sure_and_maybe).
