% A Markov chain of three steps: sun stays with 0.8, rain turns to sun with 0.4.
%! expect sun(1) 0.8
%! expect sun(2) 0.72
%! expect sun(3) 0.688
sun(0).
0.8::sun(T) :- T > 0, S is T - 1, sun(S).
0.4::sun(T) :- T > 0, S is T - 1, \+sun(S).
query(sun(1)).
query(sun(2)).
query(sun(3)).
