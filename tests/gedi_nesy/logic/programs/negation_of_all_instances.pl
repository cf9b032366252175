% No coin shows heads: 0.5 * 0.6 * 0.7.
%! expect no_heads 0.21
0.5::heads(1).
0.4::heads(2).
0.3::heads(3).
some_heads :- heads(_).
no_heads :- \+some_heads.
query(no_heads).
