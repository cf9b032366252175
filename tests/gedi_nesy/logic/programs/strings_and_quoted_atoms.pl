% Texts keep their quotes in the answers.
%! expect colour("dark red") 0.4
%! expect colour('Blue') 0.6
0.4::colour("dark red"); 0.6::colour('Blue').
query(colour(_)).
