@0xa8bb1c9d6b1e2f47;

interface Echo {
  echo @0 (payload :Data) -> (payload :Data);
}
