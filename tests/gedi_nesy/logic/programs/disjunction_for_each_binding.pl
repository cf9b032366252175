% One throw a die: P(1 and 2) = 0.5 * 0.5 for two dice, P(equal) = 0.5.
%! expect first_one_second_two 0.25
%! expect equal 0.5
die(a).
die(b).
0.5::face(D, 1); 0.5::face(D, 2) :- die(D).
first_one_second_two :- face(a, 1), face(b, 2).
equal :- face(a, X), face(b, X).
query(first_one_second_two).
query(equal).
