% Two facts with one name are two chances: 1 - 0.7 * 0.6.
%! expect alarm 0.58
0.3::alarm.
0.4::alarm.
query(alarm).
