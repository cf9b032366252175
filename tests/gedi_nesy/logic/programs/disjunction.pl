% The heads of an annotated disjunction exclude each other.
%! expect die(1) 0.2
%! expect die(2) 0.3
%! expect die(3) 0.5
%! expect odd 0.7
%! expect impossible 0
0.2::die(1); 0.3::die(2); 0.5::die(3).
odd :- die(1).
odd :- die(3).
impossible :- die(1), die(2).
query(die(_)).
query(odd).
query(impossible).
