"""What an SQL script is made of: pure, and knows no server."""
