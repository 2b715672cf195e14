"""What is kept between requests and between starts."""
