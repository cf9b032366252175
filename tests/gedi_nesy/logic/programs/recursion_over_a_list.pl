% The number of sunny days of three is binomial.
%! expect sunny([mo, tu, we],0) 0.343
%! expect sunny([mo, tu, we],1) 0.441
%! expect sunny([mo, tu, we],2) 0.189
%! expect sunny([mo, tu, we],3) 0.027
0.3::weather(Day, sun); 0.7::weather(Day, rain).
sunny([], 0).
sunny([Day|Days], N) :- weather(Day, sun), sunny(Days, M), N is M + 1.
sunny([Day|Days], N) :- weather(Day, rain), sunny(Days, N).
query(sunny([mo, tu, we], _)).
