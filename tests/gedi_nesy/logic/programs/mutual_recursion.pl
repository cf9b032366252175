% even and odd over a number of random size: 4 with 0.25, 7 with 0.75.
%! expect even_size 0.25
0.25::size(4); 0.75::size(7).
even(0).
even(N) :- N > 0, M is N - 1, odd(M).
odd(N) :- N > 0, M is N - 1, even(M).
even_size :- size(N), even(N).
query(even_size).
