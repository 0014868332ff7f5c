SELECT 1
/*
+++
+++
*/