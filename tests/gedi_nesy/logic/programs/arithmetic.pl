% Integer and real arithmetic; P(sum of two dice of two faces = 3) = 0.5.
%! expect total(2) 0.25
%! expect total(3) 0.5
%! expect total(4) 0.25
%! expect functions(13.5) 1
%! expect integers(3,1,2) 1
0.5::die(D, 1); 0.5::die(D, 2).
total(T) :- die(a, X), die(b, Y), T is X + Y.
functions(X) :- X is 2 ** 3 + max(1, 2.5) + abs(-3).
integers(A, B, C) :- A is 7 // 2, B is 7 mod 2, C is min(2, 3).
query(total(_)).
query(functions(_)).
query(integers(_, _, _)).
