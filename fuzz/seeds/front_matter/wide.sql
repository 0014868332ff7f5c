/*
+++
title = "é‮"
unknown = 1
+++
*/ SELECT 'é', ü FROM raw.ä
