/* € */
 drop table raw.x